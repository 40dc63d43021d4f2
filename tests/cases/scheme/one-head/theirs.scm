(define x 1)
(define (f a d)
  (display a)
  (display b))
