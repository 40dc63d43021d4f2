#[derive(Clone, Debug)]
struct A;
