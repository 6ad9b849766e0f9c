#ifndef MIRROR_TESTS_SUPPORT_RANDOM_APPLICATION_H_
#define MIRROR_TESTS_SUPPORT_RANDOM_APPLICATION_H_

#include <sqlite3.h>

#include <cstdint>
#include <deque>
#include <random>
#include <string>
#include <vector>

namespace mirror {

/// Some program that owns a SQLite database and does what programs do with one: rows and keys of every kind,
/// REPLACE, upserts, transactions, schema changes, VACUUM. It looks at the database before each step, and so
/// goes on after a restore. Threads: one.
class RandomApplication {
 public:
  RandomApplication(std::string path, std::mt19937_64& random) : path_(std::move(path)), random_(random) {}

  /// A few statements, in one transaction or not, over a connection of its own. Empty: done, or refused for
  /// a reason of the application's own. Else it was disturbed by the agent.
  std::string Act();

  std::string LastSteps() const;
  /// What the application does, or is done to its world: the same for the same seed.
  void Note(std::string step);
  /// What came of it at the agent and the mirror, which have times and random numbers of their own.
  void Remark(std::string words);
  const std::vector<std::string>& history() const { return history_; }

  std::uint64_t Below(std::uint64_t limit) { return random_() % limit; }
  bool OneIn(std::uint64_t n) { return Below(n) == 0; }

 private:
  struct Table {
    std::string name;
    std::vector<std::string> columns;  ///< That can be written.
    std::vector<std::string> key;
  };
  static bool IsKept(const Table& table);
  std::vector<Table> Look();
  std::string Run(const std::string& sql);
  std::string Change(const std::vector<Table>& tables);
  std::string ChangeRows(const Table& table);
  std::string Insert(const Table& table);
  std::string Bulk(const Table& table);
  std::string AlterTable(const Table& table);
  std::string Rebuild(const Table& table);
  std::string NewTable();
  std::string Value();
  std::string KeyValue();
  std::string ValueOf(const Table& table, const std::string& column);
  std::string Where(const Table& table);
  const std::string& Any(const std::vector<std::string>& texts) { return texts[Below(texts.size())]; }

  const std::string path_;
  std::mt19937_64& random_;
  sqlite3* database_ = nullptr;
  int names_ = 0;
  std::deque<std::string> steps_;  ///< The last ones, with remarks.
  std::vector<std::string> history_;
};

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_RANDOM_APPLICATION_H_
