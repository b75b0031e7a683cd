"""Settings: all from the environment (or ``.env``); the list of them is in the README.

``bin/start`` and ``manage.py`` set ``DATABASE_URL`` and ``BROKER_URL`` for the embedded servers;
everywhere else they must be given, as must ``SECRET_KEY`` and ``ALLOWED_HOSTS``.
"""

import ipaddress
import os
import secrets
from datetime import timedelta
from pathlib import Path
from urllib.parse import unquote

# Zone rules come from the pinned tzdata package alone: an operating system's own copy may be
# years old, and would win. Must stand before anything reads a zone.
os.environ["PYTHONTZPATH"] = ""

import zoneinfo

zoneinfo.reset_tzpath(to=())

import environ
from csp.constants import NONE, SELF
from django.core.exceptions import ImproperlyConfigured

ROOT = Path(__file__).resolve().parent.parent
env = environ.Env()
environ.Env.read_env(ROOT / ".env")


def required(name: str, why: str) -> str:
    """The variable's value; says by name what is missing, and why it is needed."""
    value: str = env.str(name, default="")
    if not value:
        raise ImproperlyConfigured(f"Set {name}: {why} (the README lists all settings).")
    return value


def is_loopback(host: str) -> bool:
    """Whether the web listens for this machine alone."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def kept_secret(file: Path) -> str:
    """A secret for the embedded installation, made once and kept readable by its user alone."""
    file.parent.mkdir(parents=True, exist_ok=True)
    try:
        handle = os.open(file, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o600)
    except FileExistsError:
        return file.read_text()
    with os.fdopen(handle, "w") as out:
        out.write(secrets.token_urlsafe(50))
    return file.read_text()


# --- where it runs ---------------------------------------------------------------------------

EMBEDDED = env.bool("RINGBACK_EMBEDDED", default=False)
"""Set by ``bin/start`` and ``manage.py`` when the database is the one in ``DATA_DIR``."""
DATA_DIR = (ROOT / env.str("DATA_DIR", default="var")).resolve()
HOST = env.str("HOST", default="127.0.0.1")
DEMO = env.bool("DEMO", default=EMBEDDED)
if DEMO and not is_loopback(HOST):
    raise ImproperlyConfigured(
        f"DEMO=1 offers log-ins with a known password, so it is refused on HOST={HOST}. "
        "Set DEMO=0, or HOST=127.0.0.1."
    )
DEBUG = False
HTTPS = env.bool("HTTPS", default=not DEMO)
"""Whether people reach the web by https. Only a demonstration may do without."""

SECRET_KEY = (
    env.str("SECRET_KEY", default="") or kept_secret(DATA_DIR / "secret_key")
    if EMBEDDED
    else required("SECRET_KEY", "a long random text that signs sessions and forms")
)
ENCRYPTION_KEYS = env.list("ENCRYPTION_KEYS", default=[]) or (
    [kept_secret(DATA_DIR / "encryption_key")]
    if EMBEDDED
    else [required("ENCRYPTION_KEYS", "a long random text that encrypts secrets in the database")]
)
"""The first encrypts, all decrypt: a new one goes in front while keys are changed."""
if any(len(key) < 32 for key in ENCRYPTION_KEYS):
    raise ImproperlyConfigured("Each of ENCRYPTION_KEYS needs 32 characters or more, at random.")
SECRET_KEY_FALLBACKS = env.list("SECRET_KEY_FALLBACKS", default=[])
ALLOWED_HOSTS = env.list("ALLOWED_HOSTS", default=[])
if not ALLOWED_HOSTS:
    if not DEMO:
        required("ALLOWED_HOSTS", "the host names, with commas, under which people reach it")
    ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", HOST]
CSRF_TRUSTED_ORIGINS = env.list("CSRF_TRUSTED_ORIGINS", default=[])
FRAME_ANCESTORS = env.list("FRAME_ANCESTORS", default=[])
"""Origins that may show the schedule panel in a frame, e.g. ``https://crm.example.com``."""
QUEUE_CHOICE = env.bool("QUEUE_CHOICE", default=True)
"""Whether agents may choose the queue in the schedule panel (rules §2.1)."""
REMIND_BEFORE = timedelta(minutes=env.int("REMIND_BEFORE_MINUTES", default=10))
"""How long before their own callback agents are reminded, on screen and by their calendar."""
ENGINE_SILENT_AFTER = timedelta(seconds=env.int("ENGINE_SILENT_SECONDS", default=60))
"""After so long without a sign of life from clock and worker, every screen says so."""

PRIVATE_PLATFORMS = env.bool("PRIVATE_PLATFORMS", default=DEMO)
"""Whether a connection may lead to this machine and its network, and by http."""
METRICS_TOKEN = env.str("METRICS_TOKEN", default="")
"""Who sends it as bearer token may read /metrics; empty: there is no such page."""

WEBHOOK_PRIVATE_TARGETS = env.bool("WEBHOOK_PRIVATE_TARGETS", default=DEMO)
"""Whether webhooks may lead to this machine and its network, and by http."""

# --- the application -------------------------------------------------------------------------

INSTALLED_APPS = [
    "callbacks",
    "dashboard",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "django.contrib.humanize",
    "django.contrib.postgres",
    "django_htmx",
    "django_tables2",
    "template_partials",
    "ninja",
    "lucide",
    "csp",
    "axes",
]
MIDDLEWARE = [
    "dashboard.api.middleware.named",
    "django.middleware.security.SecurityMiddleware",
    "csp.middleware.CSPMiddleware",
    "whitenoise.middleware.WhiteNoiseMiddleware",
    "dashboard.middleware.private_pages",
    "dashboard.api.middleware.shaped",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django_htmx.middleware.HtmxMiddleware",
    "dashboard.entrance.Entrance",
    "axes.middleware.AxesMiddleware",
]
ROOT_URLCONF = "dashboard.urls"
WSGI_APPLICATION = "dashboard.wsgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [ROOT / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
                "dashboard.shell.shell",
            ],
        },
    }
]
SILENCED_SYSTEM_CHECKS = [
    # X-Frame-Options cannot name hosts; frame-ancestors in the CSP says it for all browsers.
    "security.W002",
    # User names are unique without regard to case, by a constraint stronger than unique=True.
    "auth.W004",
]

# --- database, broker ------------------------------------------------------------------------

DATABASES = {
    "default": {
        **env.db_url_config(
            required("DATABASE_URL", "postgres://user:password@host/name, or run bin/start")
        ),
        "ENGINE": "django.db.backends.postgresql",
        "CONN_MAX_AGE": None,
        "CONN_HEALTH_CHECKS": True,
        "ATOMIC_REQUESTS": False,
    }
}
# The folder of a Unix socket stands in the place of the host, its slashes as %2F.
DATABASES["default"]["HOST"] = unquote(DATABASES["default"]["HOST"])
DATABASES["default"].setdefault("OPTIONS", {}).setdefault("application_name", "ringback")

CELERY_BROKER_URL = required("BROKER_URL", "redis://… or amqp://…, or run bin/start")
CELERY_BROKER_CONNECTION_RETRY_ON_STARTUP = True
CELERY_BROKER_TRANSPORT_OPTIONS = {
    # A page never waits for the broker: the outbox in PostgreSQL finds what a lost bell missed.
    "max_retries": 0,
    "interval_start": 0,
    "interval_step": 0,
    "interval_max": 0,
    "socket_timeout": 1,
    "socket_connect_timeout": 1,
}
CELERY_TASK_PUBLISH_RETRY = False
CELERY_TASK_IGNORE_RESULT = True
CELERY_TASK_ACKS_LATE = True
CELERY_TASK_REJECT_ON_WORKER_LOST = True
CELERY_WORKER_PREFETCH_MULTIPLIER = 1
CELERY_TASK_DEFAULT_QUEUE = "routing"
# What takes seconds has a queue of its own, so that a worker of its own can take it: the clock's
# ticks never wait behind it.
CELERY_TASK_ROUTES = {
    "callbacks.tasks.sync_*": {"queue": "sync"},
    "callbacks.tasks.deliver_to_webhooks": {"queue": "sync"},
    "callbacks.tasks.go_on_with_imports": {"queue": "sync"},
}
CELERY_TASK_DEFAULT_QUEUE_TYPE = "quorum" if CELERY_BROKER_URL.startswith("amqp") else "classic"
CELERY_TIMEZONE = "UTC"
CELERY_WORKER_HIJACK_ROOT_LOGGER = False

# --- who is there ----------------------------------------------------------------------------

AUTH_USER_MODEL = "callbacks.User"
AUTHENTICATION_BACKENDS = [
    "axes.backends.AxesStandaloneBackend",
    "django.contrib.auth.backends.ModelBackend",
]
AUTH_PASSWORD_VALIDATORS = [
    {
        "NAME": "django.contrib.auth.password_validation.MinimumLengthValidator",
        "OPTIONS": {"min_length": 12},
    },
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]
LOGIN_URL = "log-in"
LOGIN_REDIRECT_URL = "home"
LOGOUT_REDIRECT_URL = "log-in"

AXES_FAILURE_LIMIT = 5
AXES_COOLOFF_TIME = timedelta(seconds=env.int("LOGIN_COOL_OFF_SECONDS", default=60))
# The pair, never the name alone: nobody can lock somebody else out from elsewhere.
AXES_LOCKOUT_PARAMETERS = [["username", "ip_address"]]
AXES_RESET_ON_SUCCESS = True
AXES_RESET_COOL_OFF_ON_FAILURE_DURING_LOCKOUT = False
AXES_HTTP_RESPONSE_CODE = 429
AXES_LOCKOUT_CALLABLE = "dashboard.accounts.views.too_many_tries"
AXES_DISABLE_ACCESS_LOG = True
AXES_VERBOSE = False
AXES_ENABLE_ADMIN = False

# --- time and language -----------------------------------------------------------------------

USE_TZ = True
TIME_ZONE = "UTC"
DEPLOYMENT_TIME_ZONE = env.str("TIME_ZONE", default="UTC")
"""The zone given to new people; every person then has their own."""
LANGUAGE_CODE = env.str("LANGUAGE_CODE", default="en")
USE_I18N = True
FORMAT_MODULE_PATH: list[str] = []

# --- files -----------------------------------------------------------------------------------

STATIC_URL = "static/"
STATIC_ROOT = DATA_DIR / "static"
STATICFILES_DIRS = [ROOT / "static"]
STORAGES = {
    "default": {"BACKEND": "django.core.files.storage.FileSystemStorage"},
    "staticfiles": {"BACKEND": "whitenoise.storage.CompressedManifestStaticFilesStorage"},
}
MEDIA_ROOT = DATA_DIR / "uploads"
FILE_UPLOAD_PERMISSIONS = 0o600
# Room for a text far beyond every field's limit, so that the answer can name the field.
DATA_UPLOAD_MAX_MEMORY_SIZE = 32 * 1024 * 1024
# A queue with two thousand members is one form.
DATA_UPLOAD_MAX_NUMBER_FIELDS = 5_000

# --- safety ----------------------------------------------------------------------------------

CONTENT_SECURITY_POLICY = {
    "DIRECTIVES": {
        "default-src": [NONE],
        "script-src": [SELF],
        "style-src": [SELF],
        "img-src": [SELF],
        "font-src": [SELF],
        "connect-src": [SELF],
        "manifest-src": [SELF],
        "form-action": [SELF],
        "base-uri": [NONE],
        "object-src": [NONE],
        "frame-ancestors": [NONE],
    }
}
SECURE_CONTENT_TYPE_NOSNIFF = True
SECURE_REFERRER_POLICY = "same-origin"
SECURE_CROSS_ORIGIN_OPENER_POLICY = "same-origin"
SECURE_SSL_REDIRECT = HTTPS
SECURE_REDIRECT_EXEMPT = [r"^healthz$", r"^readyz$", r"^metrics$"]
SECURE_HSTS_SECONDS = 365 * 24 * 3600 if HTTPS else 0
SECURE_HSTS_INCLUDE_SUBDOMAINS = HTTPS
SECURE_HSTS_PRELOAD = HTTPS
if env.bool("BEHIND_PROXY", default=False):
    SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
SESSION_COOKIE_AGE = 12 * 3600
SESSION_COOKIE_HTTPONLY = True
SESSION_COOKIE_SECURE = CSRF_COOKIE_SECURE = HTTPS
# A frame inside another site gets its cookies only with SameSite=None, which needs https.
SESSION_COOKIE_SAMESITE = "None" if FRAME_ANCESTORS and HTTPS else "Lax"
CSRF_COOKIE_SAMESITE = SESSION_COOKIE_SAMESITE
CSRF_COOKIE_HTTPONLY = True
if HTTPS:
    SESSION_COOKIE_NAME = "__Host-sessionid"
    CSRF_COOKIE_NAME = "__Host-csrftoken"
CSRF_FAILURE_VIEW = "dashboard.errors.form_too_old"

# --- what it says ----------------------------------------------------------------------------

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {
        "line": {
            "class": "dashboard.logs.Discreet",
            "format": "{asctime} {levelname} {name}: {message}",
            "style": "{",
        },
    },
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "root": {"handlers": ["console"], "level": env.str("LOG_LEVEL", default="INFO")},
    "loggers": {
        "django.request": {"level": "ERROR"},
        "django.server": {"level": "WARNING"},
        "axes": {"level": "WARNING"},
        # It would tell each request with its address, where numbers stand.
        "httpx": {"level": "WARNING"},
    },
}
