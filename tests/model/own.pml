/* Waiting for space with one's own announcement standing. No head passes a live announcement, so a writer that found the ring full and
 * waits for a head while it is still announced waits for itself (a deadlock: invalid end state).
 * -DFIX: the announcement is cleared before the wait (slot.h A4). */
byte tail=0, head=0; byte ann=255; bool got=false;
proctype waiter(){ byte t; 
  do :: got -> break
     :: !got -> t=tail; ann=t;
        atomic{ if :: tail==t && t+1<=head+4 -> tail=t+1; got=true :: else -> skip fi };
        if :: got -> ann=255
           :: !got -> 
#ifdef FIX
              ann=255;
#endif
              (tail+1<=head+4) fi od }
proctype others(){ do :: atomic{ tail<4 -> tail++ } :: tail>=4 -> break od }
proctype flush(){ do :: atomic{ head<tail && (ann==255 || head<ann) -> head++ } :: got -> break od }
init { atomic { run waiter(); run others(); run flush() } }
