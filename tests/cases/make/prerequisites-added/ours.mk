CC = gcc
CFLAGS = -O2 -Wall

all: a.o b.o c.o
	$(CC) -o all a.o b.o
