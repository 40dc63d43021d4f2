CC = tcc
CFLAGS = -O2 -Wall

all: a.o b.o
	$(CC) -o all a.o b.o
