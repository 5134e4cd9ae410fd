/* Walking over frames that are still in the making. A walker of everything <= s must find every frame that took its version before
 * s was read, and waits for nobody: it steps over an unfinished frame by the length that its writer announced.
 * Default: the length is announced with the address, before the tail CAS; a failed attempt leaves a length that belongs to nothing,
 *   and the walker steps over somebody else's frame.
 * -DAFTER: the length is stored after the CAS (slot.h A2); the walker reads announcement, length, announcement again, and without a
 *   length goes on line by line.
 * -DTWICE: two writers, two frames each. -DNOCLEAR: the length of the frame before still stands when the next address is announced. */
#define NONE 99
byte tail=0; byte ann[3]; byte ln[3]; byte valid[8]; byte ver[8]; byte clock=0;
inline frame(l){ ok=false;
#ifdef AFTER
  do :: ok -> break
     :: else -> t=tail; ann[me]=t; atomic{ if :: tail==t -> tail=t+l; ok=true :: else -> skip fi } od;
  ln[me]=l;
#else
  do :: ok -> break
     :: else -> t=tail; atomic{ ann[me]=t; ln[me]=l }; atomic{ if :: tail==t -> tail=t+l; ok=true :: else -> skip fi } od;
#endif
  valid[t]=l; atomic{ clock++; v=clock }; ver[t]=v;
#ifndef NOCLEAR
  ln[me]=0;
#endif
  ann[me]=NONE }
proctype w(byte me; byte first; byte second){ byte t,v; bool ok;
  frame(first);
  if :: second>0 -> frame(second) :: else -> skip fi }
proctype walk(){ byte s,e,p,i,l; bool got[8]; bool st;
  s=clock; e=tail; p=0;
  do :: p>=e -> break
     :: else -> if :: valid[p]>0 -> got[p]=true; p=p+valid[p]
        :: else -> st=false; i=0;
#ifdef AFTER
           do :: i<3 -> if :: !st && ann[i]==p -> l=ln[i]; if :: l>0 && ann[i]==p -> p=p+l; st=true :: else -> skip fi
                           :: else -> skip fi; i++
              :: else -> break od;
           if :: !st -> p++ :: else -> skip fi fi od;
#else
           do :: i<3 -> if :: !st && ann[i]==p -> p=p+ln[i]; st=true :: else -> skip fi; i++ :: else -> break od fi od;
#endif
  i=0; do :: i<8 -> assert(!(ver[i]>0 && ver[i]<=s && !got[i])); i++ :: else -> break od }
init { atomic{ ann[0]=NONE; ann[1]=NONE; ann[2]=NONE;
#ifdef TWICE
  run w(0,3,1); run w(1,1,1);
#else
  run w(0,3,0); run w(1,1,0); run w(2,1,0);
#endif
  run walk() } }
