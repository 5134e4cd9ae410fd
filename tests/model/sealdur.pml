/* A seal must complete the checks of what it seals (seal.cpp). -DFIX: it does.
 * class process / page: helper stamps F; owner preempted before the check; syncer: seal, flush all lines, durable=s; crash: frames <= D need a check */
byte clock=0; byte stamp=64, chk=0, mst=0, mchk=0; bool ann=false, pub=false; byte D=0; bool told=false, crashed=false;
proctype owner(){ byte v; ann=true; pub=true; 
  if :: stamp>=64 -> atomic{clock++; v=clock}; atomic{ if :: stamp>=64 && stamp-64<v -> stamp=v :: else -> skip fi } :: else -> skip fi;
  (crashed || stamp<64); atomic{ if :: !crashed -> chk=1 :: else -> skip fi }; ann=false; 
  atomic { if :: !crashed && D>=stamp -> told=true :: else -> skip fi } }
proctype helper(){ byte v; (pub); if :: stamp>=64 -> atomic{clock++; v=clock}; atomic{ if :: stamp>=64 && stamp-64<v -> stamp=v :: else -> skip fi } :: else -> skip fi }
proctype sync(){ byte s; s=clock; byte w;
  if :: ann -> w=stamp; if :: w>=64 && w-64<s -> atomic{ if :: stamp==w -> stamp=64+s :: else -> skip fi } :: else -> skip fi
#ifdef FIX
    ; if :: stamp<64 && stamp<=s -> atomic{ if :: !crashed -> chk=1 :: else -> skip fi } :: else -> skip fi
#endif
   :: else -> skip fi;
  atomic{ if :: !crashed -> mst=stamp; mchk=chk :: else -> skip fi };
  atomic{ if :: !crashed -> D=s :: else -> skip fi } }
init { atomic{ run owner(); run helper(); run sync() }; atomic{ crashed=true; 
  assert(!(stamp<64 && stamp<=D) || (mst==stamp && mchk==1)) } }
