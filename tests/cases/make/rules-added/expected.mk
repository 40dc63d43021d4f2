CC = gcc
CFLAGS = -O2 -Wall

x:
	echo x

y:
	echo y

all: a.o b.o
	$(CC) -o all a.o b.o
