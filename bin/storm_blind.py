"""A synchronising worker that does not look before it sends again: to see that the storm would notice.

python storm_blind.py celery's arguments
"""

import os
import sys
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parent.parent))
os.environ.setdefault("DJANGO_SETTINGS_MODULE", "dashboard.settings")

from celery.__main__ import main

from callbacks.sync import jobs

jobs.look_up = lambda content: lambda platform: [jobs.NotThere()]
sys.argv[0] = "celery"
main()
