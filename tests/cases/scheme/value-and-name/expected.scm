(define x 2)
(define (g a b)
  (display a)
  (display b))
