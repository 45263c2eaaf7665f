# Ruby's threads: queues, locks, conditions, timeouts, sockets, children, and what raises in another thread.
require 'open3'
require 'socket'
require 'timeout'

def together(count, &block) = Array.new(count) { |number| Thread.new(number, &block) }.map(&:value)

def outcome
  yield
rescue Exception => e
  e.class.name
end

def say(name) = puts("#{name}: #{yield.inspect}")

say('values') { together(100) { |number| sleep 0.01; number * number }.sum }
say('mutex') do
  lock, count = Mutex.new, 0
  together(20) { 200.times { lock.synchronize { before = count; Thread.pass if before % 50 == 0; count = before + 1 } } }
  [count, outcome { lock.unlock }, lock.synchronize { outcome { lock.lock } }]
end
say('queue') do
  things, results = SizedQueue.new(3), Queue.new
  workers = Array.new(4) { Thread.new { while (thing = things.pop) do results << thing * 2 end } }
  300.times { |number| things << number + 1 }
  things.close
  workers.each(&:join)
  [Array.new(results.size) { results.pop }.sum, outcome { results.pop(true) }]
end
say('condition') do
  lock, changed, ready = Mutex.new, ConditionVariable.new, 0
  together(10) do |number|
    lock.synchronize do
      changed.wait(lock) until ready == number
      ready += 1
      changed.broadcast
      lock.sleep(0.001)
    end
  end
  ready
end
say('timeout') do
  [outcome { Timeout.timeout(0.02) { sleep } }, outcome { Timeout.timeout(0.02) { Queue.new.pop } },
   outcome { Timeout.timeout(0.02) { loop {} } }, outcome { Timeout.timeout(0.02) { IO.pipe[0].read } },
   Timeout.timeout(50) { :in_time }, together(5) { outcome { Timeout.timeout(0.02) { sleep } } }]
end
say('raise and kill') do
  waits = [-> { sleep }, -> { Queue.new.pop }, -> { IO.pipe[0].read(1) }, -> { loop {} }, -> { Mutex.new.tap(&:lock).lock },
           -> { IO.select([IO.pipe[0]]) }, -> { Process.wait(spawn('sleep 1')) }]
  waits.flat_map do |wait|
    [-> (thread) { thread.raise(ArgumentError) }, -> (thread) { thread.kill }].map do |act|
      ensured, ready = false, Queue.new
      thread = Thread.new do
        outcome { ready << true; wait.call }
      ensure
        ensured = true
      end
      ready.pop
      sleep 0.01
      act.call(thread)
      [thread.value, ensured]
    end
  end
end
say('select and pipes') do
  pipes = Array.new(20) { IO.pipe }
  writers = pipes.map.with_index { |(_, out), number| Thread.new { sleep 0.001 * number; out.write(number.to_s); out.close } }
  left, texts = pipes.map(&:first), []
  until left.empty?
    IO.select(left)[0].each { |io| texts << io.read; left.delete(io) }
  end
  writers.each(&:join)
  [texts.map(&:to_i).sort, IO.select([IO.pipe[0]], nil, nil, 0.01)]
end
say('sockets') do
  server = TCPServer.new('127.0.0.1', 0)
  serving = Thread.new do
    loop { Thread.new(server.accept) { |client| client.puts(client.gets.upcase) while !client.eof?; client.close } }
  end
  answers = together(20) do |number|
    TCPSocket.open('127.0.0.1', server.addr[1]) do |socket|
      Array.new(5) { |step| socket.puts("#{number} says #{step}"); socket.gets.chomp }
    end
  end
  serving.kill.join
  answers
end
say('children') do
  [together(8) { |number| Open3.capture2e('tr a-z A-Z', stdin_data: "text #{number}\n" * 1000)[0].size },
   together(5) { |number| `echo #{number}`.to_i }, together(5) { |number| system("exit #{number}"); $?.exitstatus },
   Process.wait2(fork { exit!(Thread.list.size + together(3) { 1 }.sum) })[1].exitstatus,
   together(3) { |number| Process.wait2(fork { exit!(number) })[1].exitstatus }]
end
say('signals') do
  seen = Queue.new
  trap('USR1') { seen << Thread.current == Thread.main }
  trap('TERM') { Thread.main.raise(IOError) }
  numbers = 5.times.map { Process.kill('USR1', Process.pid); seen.pop.class }
  [numbers.size, outcome { Process.kill('TERM', Process.pid); sleep }]
end
say('locals and fibers') do
  Thread.current[:mine] = :main
  [together(5) { |number| Thread.current[:mine] = number; sleep 0.001; Thread.current[:mine] }, Thread.current[:mine],
   together(3) { |number| Fiber.new { Fiber.yield(number); number * 2 }.then { |fiber| [fiber.resume, fiber.resume] } }]
end
say('deadlock') { outcome { Queue.new.pop } }
say('computing') { together(4) { |number| (1..100_000).sum { |one| one * number } } }
say('thread errors') do
  Thread.report_on_exception = false
  [outcome { Thread.new { raise KeyError }.join }, Thread.new { Thread.exit }.value, Thread.new { sleep }.join(0.01)]
end
Thread.new { sleep }  # the process ends in spite of it
Thread.new { loop {} }
at_exit { puts 'at exit' }
