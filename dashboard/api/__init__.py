"""The door for programs: the guide's API, made real, over the same verbs as the screens.

``api.py`` puts it together; ``entrance.py`` says who comes in; each noun has its file of routes.
What a callback looks like outside is in ``callbacks/portrait.py``, what may be sent in ``schemas.py``.
"""
