(define x 1)
(define (f a b)
  (write a)
  (write b))
