"""The schedule panel: page, dialog and frame, with its live preview and the zone picker."""
