import {
  a,
  b,
  bb,
  c,
} from './x';
