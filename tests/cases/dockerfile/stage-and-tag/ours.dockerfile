FROM python:3.12 AS build
ENV A=1 B=2
RUN pip install x
COPY . /app
EXPOSE 80
