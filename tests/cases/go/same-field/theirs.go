package a

type T struct {
	a int16
	b int
}

func f(x int, y int) {
	g(x)
	g(y)
}
