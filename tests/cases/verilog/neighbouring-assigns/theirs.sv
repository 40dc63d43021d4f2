module m(input a, output b);
  wire x;
  assign x = a;
  assign b = ~x;
endmodule
