FROM python:3.11 AS build
ENV A=3 B=2
RUN pip install x
COPY . /app
EXPOSE 80
