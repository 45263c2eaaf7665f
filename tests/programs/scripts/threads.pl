# Perl's interpreter threads: clones, shared variables, conditions, queues, semaphores, and what ends them.
use strict;
use warnings;
use threads;
use threads::shared;
use Thread::Queue;
use Thread::Semaphore;
use IO::Socket::INET;
use Time::HiRes 'sleep';

$| = 1;

sub together { my ($count, $code) = @_; map { $_->join } map { threads->create($code, $_) } 0 .. $count - 1 }
sub say_it { my ($name, @values) = @_; print "$name: @{[map { $_ // 'undef' } @values]}\n" }

my $private = 'main';
say_it('values', together(20, sub { $private = $_[0]; sleep 0.005; $private * 2 }), $private);

my $count : shared = 0;
together(10, sub { for (1 .. 100) { lock $count; my $before = $count; threads->yield if $_ % 25 == 0; $count = $before + 1 } });
say_it('lock', $count);

my $turn : shared = 0;
say_it('condition', together(8, sub {
  lock $turn;
  cond_wait($turn) until $turn == $_[0];
  $turn++;
  cond_broadcast($turn);
  return $_[0];
}), $turn);
{ lock $turn; say_it('timed wait', cond_timedwait($turn, time + 0.05) ? 'woken' : 'late'); }

my ($things, $results) = (Thread::Queue->new, Thread::Queue->new);
my @workers = map { threads->create(sub { while (defined(my $thing = $things->dequeue)) { $results->enqueue($thing * 2) } }) } 1 .. 4;
$things->enqueue(1 .. 200);
$things->end;
$_->join for @workers;
my $sum = 0;
$sum += $results->dequeue for 1 .. 200;
say_it('queue', $sum, $results->pending, $results->dequeue_timed(0.01));

my $semaphore = Thread::Semaphore->new(0);
my $waiter = threads->create(sub { $semaphore->down(3); 'through' });
$semaphore->up for 1 .. 3;
say_it('semaphore', $waiter->join, $semaphore->down_nb ? 'down' : 'empty');

my @shared : shared = (1 .. 3);
my %table : shared;
together(5, sub { lock @shared; push @shared, $_[0]; $table{$_[0]} = &share([]); push @{$table{$_[0]}}, $_[0] });
say_it('structures', sort({ $a <=> $b } @shared), map { "$_=@{$table{$_}}" } sort keys %table);

my $dying = threads->create(sub { $SIG{__WARN__} = sub {}; die "on purpose\n" });
say_it('die', $dying->join, $dying->error);
say_it('exit', threads->create(sub { threads->exit; 1 })->join);
my $ready : shared = 0;
my $stuck = threads->create(sub { $SIG{KILL} = sub { threads->exit }; $ready = 1; sleep 0.001 while 1 });
sleep 0.001 until $ready;
$stuck->kill('KILL');
say_it('kill', $stuck->join);
say_it('context', scalar(threads->create({context => 'list'}, sub { (1, 2, 3) })->join), threads->create({stack_size => 1 << 20},
  sub { threads->self->get_stack_size })->join, threads->self->tid, scalar threads->list);

my $server = IO::Socket::INET->new(Listen => 20, LocalAddr => '127.0.0.1') or die;
my $serving = threads->create(sub {
  for (1 .. 10) {
    my $client = $server->accept;
    threads->create(sub { while (my $line = <$client>) { print $client uc $line } close $client })->detach;
    close $client;
  }
});
say_it('sockets', together(10, sub {
  my $socket = IO::Socket::INET->new(PeerAddr => '127.0.0.1', PeerPort => $server->sockport) or die;
  my @lines;
  for my $step (1 .. 3) { print $socket "$_[0] says $step\n"; my $line = <$socket>; chomp $line; push @lines, $line }
  return join ',', @lines;
}));
$serving->join;

say_it('children', together(5, sub { my $text = `echo $_[0]`; chomp $text; system("exit $_[0];"); "$text/" . ($? >> 8) }));
say_it('fork', together(3, sub { my $pid = fork // die; if (!$pid) { require POSIX; POSIX::_exit($_[0] + 3) } waitpid $pid, 0; $? >> 8 }));
say_it('alarm', do { my $seen = 0; local $SIG{ALRM} = sub { $seen++ }; Time::HiRes::alarm(0.02); select undef, undef, undef, 5 until $seen; $seen });
say_it('computing', together(3, sub { my $sum = 0; $sum += $_ for 1 .. 50_000; $sum }));
say_it('nested', together(3, sub { join '+', together(3, sub { $_[0] }) }));
