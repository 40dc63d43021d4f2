CC = gcc
CFLAGS = -O2 -Wall

all: a.o b.o
	$(CC) -g -o all a.o b.o
