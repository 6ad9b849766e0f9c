#ifndef MIRROR_TESTS_SERVER_TENANT_CYCLES_GROUND_H_
#define MIRROR_TESTS_SERVER_TENANT_CYCLES_GROUND_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <stdexcept>
#include <string>
#include <vector>

#include "server/store/home.h"
#include "tests/support/cycle_model.h"

// Where the mirrors of random cycles stand, and who reads and edits them beside the server.

namespace mirror::model {

struct Failure : std::runtime_error {
  using std::runtime_error::runtime_error;
};
/// The call told that the cycle is over.
struct CycleOver {};

inline void Require(bool holds, const std::string& what) {
  if (!holds) throw Failure(what);
}

/// One tenant's mirror as its owner opens it. Throws Failure.
class Beside {
 public:
  /// Each value as Stored() writes it.
  using Rows = std::vector<std::vector<std::string>>;

  virtual ~Beside() = default;
  virtual void Close() {}
  virtual Rows Query(const std::string& sql) = 0;
  virtual bool IsThere() const = 0;

  /// cycle, active.
  virtual Rows Tenant() { return Query("SELECT cycle, active FROM _mirror_tenant"); }
  /// Tables that the mirror shows, its metadata among them.
  virtual std::size_t Tables() = 0;
  struct Leftovers {
    std::int64_t shadows = 0, parts = 0;
  };
  virtual Leftovers LeftBehind() = 0;
  /// What readers see of it, with the columns of `visible`.
  virtual Rows RowsOf(const MirrorTable& table) = 0;

  /// Whether the partner's object is there.
  virtual bool Has(const std::string& object) = 0;
  /// Whether the mirror keeps the views and triggers that a partner makes of its tables.
  virtual bool TakesObjects() const { return true; }
  /// Whether the store can keep such a table; one that it cannot is refused.
  virtual bool CanKeep(const TableSchema&) const { return true; }
};

/// What a server stands on; several may stand on one.
class Ground {
 public:
  virtual ~Ground() = default;
  /// What is left to chance of it.
  virtual void Draw(Dice&) {}
  /// Of one more server, or of one that starts again.
  virtual absl::StatusOr<std::unique_ptr<StoreHome>> OpenHome() = 0;
  /// What servers share ends as by kill -9, and starts again.
  virtual void Kill() {}
  virtual std::unique_ptr<Beside> BesideOf(const std::string& context_id) = 0;
  /// A folder for copies.
  virtual const std::string& folder() const = 0;
  /// What no mirrored table can be called.
  virtual std::string NameOfNone() const { return "sqlite_x"; }
  /// Whether values of every kind may stand in a key; else sources have such keys rarely.
  virtual bool KeepsAnyInKeys() const { return true; }
  /// Whether each change of a definition that the protocol calls one in place is one here.
  virtual bool AltersAll() const { return true; }
};

struct Counts {
  std::uint64_t cycles = 0, completed = 0, requests = 0, populations = 0, increments = 0, refusals = 0,
                alterations = 0, disturbances = 0, built = 0, restored = 0, deleted = 0, ended_with_rows = 0;
};

}  // namespace mirror::model

#endif  // MIRROR_TESTS_SERVER_TENANT_CYCLES_GROUND_H_
