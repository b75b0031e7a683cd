FROM python:3.13-slim
RUN useradd --create-home --uid 10001 ringback
WORKDIR /ringback
COPY requirements.txt .
RUN pip install --no-cache-dir --require-hashes --requirement requirements.txt
COPY --chown=ringback . .
RUN install --directory --owner ringback var var/uploads
USER ringback
ENV PYTHONUNBUFFERED=1 DJANGO_SETTINGS_MODULE=dashboard.settings
EXPOSE 8000
CMD ["uvicorn", "dashboard.asgi:application", "--host", "0.0.0.0", "--port", "8000", "--workers", "2", "--no-access-log", "--no-server-header"]
