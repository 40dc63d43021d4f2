FROM python:3.11 AS build
ENV A=1 B=2 C=3
RUN pip install x
COPY . /app
EXPOSE 80
