"""The admin's page of webhooks."""
