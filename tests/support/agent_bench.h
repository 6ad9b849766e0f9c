#ifndef MIRROR_TESTS_SUPPORT_AGENT_BENCH_H_
#define MIRROR_TESTS_SUPPORT_AGENT_BENCH_H_

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "client/config/config.h"
#include "client/cycle/cycle.h"
#include "client/wire/connect.h"
#include "tests/support/installation.h"
#include "tests/support/table_contents.h"

namespace mirror {

/// The agent dies in the middle of a cycle: thrown by AgentBench::on_rows. Nothing is tidied up that a
/// process would not leave behind, too: the lock is given back, the holder's id stays.
struct AgentDies {};

/// How a file comes back from a backup.
enum class By { kCopy, kMove, kBackup };

/// The real agent, in this process, between a SQLite source and a tenant of a real server.
class AgentBench {
 public:
  /// The source and the agent's state stand in `folder`, which is made.
  AgentBench(Installation& here, std::string context_id, std::string folder);

  /// Statements of the application. Empty: done.
  std::string Sql(const std::string& sql) const;
  /// Makes the change log.
  absl::Status Install() const;
  /// After a restart of the server.
  void Connect();
  /// Through somebody who stands between.
  void ConnectBy(const std::shared_ptr<grpc::Channel>& channel, const Patience& patience);

  /// One cycle, everything opened anew.
  CycleReport Run(bool repopulate = false);
  /// False: the agent died.
  bool RunUntilDeath(CycleReport* report);
  /// As an operator who lets everything happen: commits what is held. The reasons of what was.
  std::vector<std::string> LetPass();
  /// Called whenever rows were handed over.
  ShowWork on_rows;
  /// See RunRequest.
  bool verify = false;
  std::optional<bool> repair = {};
  /// Bytes. With 0 nothing was read behind the rows of which on_rows tells.
  std::size_t read_ahead = 0;

  std::string Difference() const { return mirror::Difference(ReadTables(path()), ReadTables(mirror_path())); }

  /// Copies of either file, and back. By::kMove and By::kCopy only when nobody has the source open.
  /// Empty: done.
  std::string Save(const std::string& name) const { return Copy(path(), folder_ + "/" + name); }
  std::string Restore(const std::string& name, By by) const;
  std::string SaveMirror(const std::string& name) const { return Copy(mirror_path(), folder_ + "/" + name); }
  std::string RestoreMirror(const std::string& name, By by) const;

  std::string path() const { return folder_ + "/source.db"; }
  std::string mirror_path() const { return here_.mirror_path(context_id_); }
  MirrorFile mirror() const { return here_.mirror(context_id_); }
  AgentConfig& config() { return config_; }
  const Connection& connection() const { return connection_; }
  SourceConfig& source() { return config_.sources.front(); }
  const std::string& folder() const { return folder_; }

 private:
  /// By SQLite's own backup, onto whatever is there.
  static std::string Copy(const std::string& from, const std::string& to);

  Installation& here_;
  const std::string context_id_, folder_;
  AgentConfig config_;
  Connection connection_;
};

/// What each table's report says, for failures.
std::string Summary(const CycleReport& report);
/// The report of one table; an empty one when there is none.
TableReport ReportOf(const CycleReport& report, const std::string& table);

}  // namespace mirror

#endif  // MIRROR_TESTS_SUPPORT_AGENT_BENCH_H_
