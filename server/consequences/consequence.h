#ifndef MIRROR_SERVER_CONSEQUENCES_CONSEQUENCE_H_
#define MIRROR_SERVER_CONSEQUENCES_CONSEQUENCE_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

namespace mirror {

/// Keys that are shown of one table.
inline constexpr std::size_t kShownKeysMax = 20;

/// RestoredTable in mirror_admin.proto.
struct RestoredTable {
  std::int64_t lsn_now = -1, lsn_then = -1;
  std::int64_t rows_now = -1, rows_then = -1;
  bool compared = false;
  std::uint64_t only_now = 0, only_then = 0, different = 0;
  friend bool operator==(const RestoredTable&, const RestoredTable&) = default;
};

/// Consequence in mirror_admin.proto.
struct Consequence {
  std::string table;
  std::int64_t rows = 0;
  std::int64_t partner_rows = 0;
  std::int64_t values = 0;
  std::int64_t versions = 0;
  std::int64_t entries = 0;
  std::vector<std::string> objects = {};
  std::int64_t rows_to_send = 0;
  std::optional<RestoredTable> restored = {};
  std::vector<std::string> keys = {};
  friend bool operator==(const Consequence&, const Consequence&) = default;
};

/// What an operator's call would do, counted at one moment.
struct Consequences {
  std::vector<Consequence> tables;  ///< By name; of what belongs to no table last.
  std::vector<std::string> notes;   ///< Sentences for people, without a full stop.
  std::string token;                ///< See StateToken().
};

}  // namespace mirror

#endif  // MIRROR_SERVER_CONSEQUENCES_CONSEQUENCE_H_
