/* An aborted frame needs a version before a head may pass it (stamp.h). Without one (default) a flush that was cut at s lets the dead head
 * of ring A pass the aborted X, and a reader that stops at the dead X never reaches Y below it. -DFIX: aborting takes a version too.
 * ring A: old@1 at place 0, X (transaction, aborted) at place 1; ring B: Y. chain: X -> Y -> old. cut=s; dead head of A passes what is <= s or aborted */
byte clock=1, head=0 /* op: 0 old(A0,v1), 1 Y(B), 2 X(A1) */; byte prev[3]; byte stamp[3]; byte deadA=0; byte cut=0; bool ydone=false;
#define PEND 64
#define AB 127
proctype y(){ byte v; prev[1]=head; atomic{ if :: head==prev[1] -> head=1 :: else -> goto e fi }; atomic{clock++; v=clock}; 
  if :: stamp[1]<PEND -> skip :: else -> atomic{clock++; v=clock}; stamp[1]=v fi; ydone=true; e: skip }
proctype x(){ byte v; (ydone); prev[2]=head; head=2;
#ifdef FIX
  atomic{clock++; v=clock}; stamp[2]=128+v
#else
  stamp[2]=AB
#endif
}
proctype flush(){ byte s; s=clock; byte n=0; /* seal: raise omitted: y ticks after */ 
  if :: stamp[1]>=PEND && stamp[1]-PEND<s && !ydone -> atomic{ if :: !ydone && stamp[1]>=PEND -> stamp[1]=PEND+s :: else -> skip fi } :: else -> skip fi;
  cut=s; n=1;
#ifdef FIX
  if :: stamp[2]>=128 && stamp[2]-128<=s -> n=2 :: else -> skip fi;
#else
  if :: stamp[2]==AB -> n=2 :: else -> skip fi;
#endif
  deadA=n }
init { byte r; bool found=false; atomic{ stamp[0]=1; stamp[1]=PEND; stamp[2]=PEND; prev[0]=255;prev[1]=255;prev[2]=255; run y(); run x(); run flush() };
  (_nr_pr==1); r=head;
  do :: r==255 -> break
     :: r==2 && deadA>=2 -> break
     :: r==0 && deadA>=1 -> break
     :: else -> if :: stamp[r]<PEND && stamp[r]>cut -> found=true; break :: else -> r=prev[r] fi od;
  assert(found || stamp[1]<=cut) }
