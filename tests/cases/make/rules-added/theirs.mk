CC = gcc
CFLAGS = -O2 -Wall

y:
	echo y

all: a.o b.o
	$(CC) -o all a.o b.o
