(define x 2)
(define (f a b)
  (display a)
  (display b))
