CC = gcc
CFLAGS = -O3

all: a.o b.o
	$(CC) -o all a.o b.o
