// A front end of PostgreSQL: each line of a client is a query, answered by a line for each row and an empty one. libpq
// is as it is: its calls block, and park their greenlet. Five connections serve all clients.
//
//     postgres_front_end PORT CONNECTION         postgres_front_end 7000 "dbname=shop"
#include <evergreen/evergreen.h>
#include <libpq-fe.h>

#include <iostream>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

namespace {

using Connection = std::unique_ptr<PGconn, decltype(&PQfinish)>;
using Result = std::unique_ptr<PGresult, decltype(&PQclear)>;

// Idle connections. Who takes one gives it back, whatever happens.
class Connections {
 public:
  Connections(int count, const std::string& where) {
    for (int i = 0; i < count; ++i) idle_.put(Connection(PQconnectdb(where.c_str()), PQfinish));
  }

  std::string query(const std::string& sql) {
    const Lease lease{idle_, idle_.get()};
    PGconn* connection = lease.connection.get();
    if (PQstatus(connection) != CONNECTION_OK) PQreset(connection);
    return text_of(*Result(PQexec(connection, sql.c_str()), PQclear), connection);
  }

 private:
  struct Lease {
    evergreen::Queue<Connection>& idle;
    mutable Connection connection;
    ~Lease() { idle.put(std::move(connection)); }
  };

  static std::string text_of(const PGresult& result, const PGconn* connection) {
    if (PQresultStatus(&result) == PGRES_FATAL_ERROR) return PQerrorMessage(connection);
    std::string text;
    for (int row = 0; row < PQntuples(&result); ++row) {
      for (int column = 0; column < PQnfields(&result); ++column) {
        text += std::string(column == 0 ? "" : "\t") + PQgetvalue(&result, row, column);
      }
      text += '\n';
    }
    return text;
  }

  evergreen::Queue<Connection> idle_;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 3) {
    std::cerr << "postgres_front_end PORT CONNECTION\n";
    return 2;
  }
  Connections connections(5, argv[2]);
  evergreen::StreamServer server(std::string("127.0.0.1:") + argv[1], [&](evergreen::Socket& client) {
    for (const std::string_view sql : client.lines()) client.send_all(connections.query(std::string(sql)) + "\n");
  });
  server.start();
  std::cout << "listening on " << server.address().to_string() << std::endl;
  server.serve_forever();
}
