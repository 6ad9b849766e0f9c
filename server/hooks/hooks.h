#ifndef MIRROR_SERVER_HOOKS_HOOKS_H_
#define MIRROR_SERVER_HOOKS_HOOKS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "server/store/catalog/catalog.h"

namespace mirror {

// What a partner's own program may hook into an endpoint: see Server::Open, and server/example.cc. The same
// things come to [[hook]] blocks of the configuration.

/// Whose call it is. Verified.
struct HookCaller {
  std::string context_id, issuer, environment;
};

/// What TableSchema made of a table. The numbers of TableAction in mirror_client.proto.
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
  std::string reason;  ///< Of the last three.
};

struct HookCounts {
  std::string table;
  std::uint64_t inserts = 0, updates = 0, deletes = 0;  ///< As the source counted them.
};

/// A cycle of a tenant.
struct HookCycle {
  std::string context_id;
  std::int64_t cycle = 0;
  std::int64_t time_ms = 0;  ///< When it was committed, unix milliseconds.
};

/// Hooks of a program that runs the server within itself. Each has an answer that does nothing.
///
/// The two that answer a source are waited for, at most the time that [hooks] says; after it the cycle goes
/// on, and an event tells. All others are told after the commit of what they speak of, at least once, also
/// when the process was killed in between, in order for each tenant. An error or an exception is tried again
/// later and later, at last each minute, for a day; then an event tells, and the next one goes on.
/// Threads: several at a time; never with a lock of the server's. One that never returns costs its thread,
/// of which there are a few, and no more: the source's calls go on.
class MirrorHooks {
 public:
  virtual ~MirrorHooks() = default;

  /// Before a tenant is taken in that has no mirror yet: where its database goes. A mirror's file belongs
  /// into [data] 'dir', whose lock keeps two servers from one file and whose rename puts a restored one in
  /// place, so the only choice is whether there shall be one: an error refuses the tenant, with these words.
  /// One that does not answer in time refuses it for now.
  virtual absl::Status ResolveConnection(const HookCaller& /*caller*/) { return absl::OkStatus(); }
  /// Before a cycle begins. A text: the source is told not to replicate, for that reason.
  virtual std::optional<std::string> Authenticated(const HookCaller& /*caller*/) { return std::nullopt; }

  /// The work of TableSchema is done: each table that was announced, with what became of it. Rows may be on
  /// their way already.
  virtual absl::Status BeforeTables(const HookCycle& /*cycle*/, const std::vector<HookTable>& /*tables*/) {
    return absl::OkStatus();
  }
  /// A table begins to be populated anew: its LSN is -1, and its old rows are seen until the commit.
  virtual absl::Status Wiped(const HookCycle& /*cycle*/, const std::string& /*table*/) {
    return absl::OkStatus();
  }
  virtual absl::Status Completed(const HookCycle& /*cycle*/, const std::vector<HookCounts>& /*tables*/) {
    return absl::OkStatus();
  }
  /// Of all tenants and of the server itself.
  virtual absl::Status Event(const EventRecord& /*event*/) { return absl::OkStatus(); }
};

}  // namespace mirror

#endif  // MIRROR_SERVER_HOOKS_HOOKS_H_
