// patch/thread.cpp: a join with a deadline against the end of the thread. There is no list with a lock here: fate_ is
// one word, and finish() calls unpark() after its exchange.
//
// The joiner's park is the word of park.h alone; the queue that it waits in after its deadline is not shown.
// AS_IN_7e5b8b4 is the code of that commit; without it finish() says when it has done with the joiner.
//
// Checked: the join ends; nobody touches the joiner when it has gone on, nor the dead thread when it is buried.
mtype = { joinable, joiner, finishing, finished };
mtype = { awake, parked, woken, timed_out };
mtype fate = joinable, parking = awake;
bool gone, buried;

proctype Dying() { // Thread::finish
  mtype before;
#ifdef AS_IN_7e5b8b4
  atomic { before = fate; fate = finished }
#else
  atomic { before = fate; fate = (before == joiner -> finishing : finished) }
#endif
  if
  :: before == joiner ->
    atomic { // unpark
      assert(!gone);
      if
      :: parking == awake || parking == parked -> parking = woken
      :: else
      fi
    }
#ifndef AS_IN_7e5b8b4
    atomic { assert(!buried); fate = finished }
#endif
  :: else
  fi
}

inline park(has_deadline) {
  atomic { if :: parking == awake -> parking = parked :: else fi }
  if
  :: parking != parked
  :: atomic { has_deadline && parking == parked -> parking = timed_out } // DeadlineQueue::expire
  fi;
  atomic { how = parking; parking = awake } // take_outcome
}

proctype Joiner() { // Thread::join
  mtype how;
  parking = awake; // prepare_to_park
  if
  :: atomic { fate == joinable -> fate = joiner }
    park(true);
    if
    :: atomic { how == timed_out && fate == joiner -> fate = joinable; gone = true; goto end_of_all }
#ifdef AS_IN_7e5b8b4
    :: how == timed_out && fate != joiner -> park(false)
    :: how != timed_out
#elif defined(BURIES_AT_ONCE)
    :: how == timed_out && fate == finished
    :: how != timed_out
#else
    :: fate == finished // looks until it is: finish() is in hub code and not interrupted
#endif
    fi
  :: fate == finished
  fi;
  gone = true;
  buried = true; // hand_over
end_of_all:
  skip
}

init { atomic { run Dying(); run Joiner() } }
