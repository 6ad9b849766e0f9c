#ifndef MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_SNAPSHOT_H_
#define MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_SNAPSHOT_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mirror {

/// What pg_current_snapshot() says: which transactions a snapshot sees.
class PostgresSnapshot {
 public:
  /// "xmin:xmax:xip,xip". Absent: it is not one.
  static std::optional<PostgresSnapshot> Parse(const std::string& text);

  /// All below were over when it was taken.
  std::uint64_t xmin() const { return xmin_; }
  /// None from here on was.
  std::uint64_t xmax() const { return xmax_; }

  /// Of a transaction that is committed, by the lower 32 bits of its number, as the log has it: it is within
  /// 2^31 of the snapshot.
  bool Sees(std::uint64_t xid) const;
  /// Every snapshot that is taken after this one sees it.
  bool IsSeenByAll(std::uint64_t xid) const { return Whole(xid) < xmin_; }

 private:
  /// With its epoch.
  std::uint64_t Whole(std::uint64_t xid) const;

  std::uint64_t xmin_ = 0, xmax_ = 0;
  std::vector<std::uint64_t> open_;  ///< Sorted.
};

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_POSTGRES_LOG_POSTGRES_SNAPSHOT_H_
