CC = gcc
CFLAGS = -O2 -Wall

all: a.o b.o c.o d.o
	$(CC) -o all a.o b.o
