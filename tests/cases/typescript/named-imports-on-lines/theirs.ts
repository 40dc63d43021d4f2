import {
  a,
  bb,
  c,
} from './x';
