CC = gcc
CFLAGS = -O2 -Wall

x:
	echo x

all: a.o b.o
	$(CC) -o all a.o b.o
