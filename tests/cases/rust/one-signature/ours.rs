use a::b;

enum E {
    A,
    B,
}

fn f(x: u16, y: u8) {
    g(x);
    g(y);
}
