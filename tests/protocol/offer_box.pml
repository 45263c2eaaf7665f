// hub/core/offer_box.h: a greenlet makes slow calls, one a turn, and offers each turn; the monitor offers whatever turn
// it saw last, with a carrier of its own each time. Checks that a greenlet which was told that the others go on, and
// then blocks for ever, has its turn taken.
//
// Broken rules: CHECK_THEN_STORE, LOOK_THEN_EMPTY, OLDER_REPLACES_NEWER
#ifndef TURNS
#define TURNS 3
#endif
#define CARRIERS 2

byte turn = 1;  // the present one; 0: taken
byte box;       // 0: empty
byte spares = CARRIERS, called;

inline store(offer) {
#ifdef OLDER_REPLACES_NEWER
  box = offer
#else
  if
  :: box > offer
  :: else -> box = offer
  fi
#endif
}

active proctype Greenlet() {
  byte mine = 1;
  bool has_spare, done;
  do
  :: mine <= TURNS ->
    done = false;
    do
    :: done -> break
    :: else ->
      has_spare = false;
      if
      :: box == 0 -> atomic { spares > 0 -> spares--; has_spare = true } // at the cap it would not offer
      :: box != 0
      fi;
#ifdef CHECK_THEN_STORE
      if
      :: box == 0 && !has_spare
      :: else -> store(mine); done = true
      fi;
#else
      atomic {
        if
        :: box == 0 && !has_spare
        :: else -> store(mine); done = true
        fi
      };
#endif
      if
      :: has_spare -> called++
      :: else
      fi
    od;
    if
    :: turn == 0 -> goto end_taken // blocks for ever
    :: atomic { turn == mine -> turn = mine + 1 } // comes back: the next turn
    :: turn == mine -> goto blocks
    fi;
    mine++
  :: else -> goto end_taken
  od;
blocks:
  turn == 0;
end_taken:
  skip
}

active proctype Monitor() {
  byte seen;
end_of_looks:
  do
  :: turn != 0 && spares > 1 -> // not its last one: a carrier for each offer is what saves the greenlet otherwise
    seen = turn;
    if
    :: atomic { spares > 1 -> spares-- };
      if
      :: seen != 0 -> atomic { store(seen) }
      :: else
      fi;
      called++
    :: spares <= 1
    fi;
    break
  od
}

active [CARRIERS] proctype Carrier() {
  byte offer;
end_spare:
  do
  :: atomic { called > 0 -> called-- };
#ifdef LOOK_THEN_EMPTY
    offer = box;
    box = 0;
#else
    atomic { offer = box; box = 0 };
#endif
    if
    :: atomic { offer != 0 && turn == offer -> turn = 0 }
    :: else
    fi;
    spares++
  od
}
