#ifndef MIRROR_SERVER_HOOKS_HOOKS_H_
#define MIRROR_SERVER_HOOKS_HOOKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/catalog/catalog.h"

namespace mirror {

// Hooks that a partner's own program can add to an endpoint: see Server::Open, and server/example.cc.
// The [[hook]] blocks of the configuration get the same notifications.

/// The verified caller of a request.
struct HookCaller {
  std::string context_id, issuer, environment;
};

/// Outcome of TableSchema for a table. The values are those of TableAction in mirror_client.proto.
enum class TableChange : std::uint8_t {
  kUnchanged = 1,
  kCreated = 2,
  kAltered = 3,
  kRepopulate = 4,
  kRefused = 5,
  kHeld = 6,
};

struct HookTable {
  std::string table;
  TableChange change = TableChange::kUnchanged;
  std::string reason;  ///< Set for kRepopulate, kRefused and kHeld.
};

struct HookCounts {
  std::string table;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;  ///< As the source counted them.
};

/// A cycle of a tenant.
struct HookCycle {
  std::string context_id;
  std::int64_t cycle = 0;
  std::int64_t time_ms = 0;  ///< Commit time, unix milliseconds.
};

/// Hooks of a program that runs the server inside itself. The default of each hook does nothing.
///
/// The server waits for the first two hooks, whose answers a source needs, at most for the time in [hooks].
/// After that time the cycle continues, and an event reports it. All other hooks are called after the commit
/// that they report. They are called at least once, even if the process was killed in between, and in order
/// for each tenant. After an error or an exception the call is repeated for a day, with growing delays of at
/// most one minute. Then an event reports the failure, and the next notification follows. Threads: several at
/// a time, never with a lock of the server held. A hook that never returns blocks one of the few threads for
/// hooks, but no call of a source.
class MirrorHooks {
 public:
  virtual ~MirrorHooks() = default;

  /// Called before a tenant that has no mirror yet is accepted. An error refuses the tenant, with its text as
  /// the message. A hook that does not answer in time refuses the tenant for now. A hook cannot choose the
  /// location of the database: a mirror's file must be in [data] 'dir', whose lock prevents that two servers
  /// use one file, and within which a restored file is renamed.
  virtual absl::Status ResolveConnection(const HookCaller& /*caller*/) { return absl::OkStatus(); }
  /// Called before a cycle begins. Returns the reason if the source must not replicate; absent: it may.
  virtual std::optional<std::string> Authenticated(const HookCaller& /*caller*/) { return std::nullopt; }

  /// Called after TableSchema did its work, with the outcome
  /// for each announced table. Rows may already be arriving.
  virtual absl::Status BeforeTables(const HookCycle& /*cycle*/, const std::vector<HookTable>& /*tables*/) {
    return absl::OkStatus();
  }
  /// Called when a population of the table begins. Its LSN is then -1, and its old rows stay visible until
  /// the commit.
  virtual absl::Status Wiped(const HookCycle& /*cycle*/, const std::string& /*table*/) {
    return absl::OkStatus();
  }
  virtual absl::Status Completed(const HookCycle& /*cycle*/, const std::vector<HookCounts>& /*tables*/) {
    return absl::OkStatus();
  }
  /// Called for events of all tenants and of the server itself.
  virtual absl::Status Event(const EventRecord& /*event*/) { return absl::OkStatus(); }
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOKS_H_
