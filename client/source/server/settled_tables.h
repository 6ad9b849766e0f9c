#ifndef MIRROR_CLIENT_SOURCE_SERVER_SETTLED_TABLES_H_
#define MIRROR_CLIENT_SOURCE_SERVER_SETTLED_TABLES_H_

#include <algorithm>
#include <chrono>
#include <cstdint>
#include <thread>

namespace mirror {

/// Milliseconds until no table can be made any more at `created_s`, a whole second, when the database's clock
/// is at `clock_ms`. 0: that is over, or lies so far ahead that the two are times of different clocks, or one
/// of them is 0, which is none.
inline std::int64_t SettlesIn(std::int64_t created_s, std::int64_t clock_ms) {
  // The times of files are up to a tick of the kernel behind its clock.
  constexpr std::int64_t kSecond = 1'000, kTick = 50;
  if (created_s == 0 || clock_ms == 0) return 0;
  const std::int64_t left = (created_s + 1) * kSecond + kTick - clock_ms;
  return left > kSecond + kTick ? 0 : std::max<std::int64_t>(left, 0);
}

/// Reads tables of a database that tells in whole seconds when each was made, and reads them again after the
/// second in which the youngest was made. A table that is dropped and made anew from then on has another
/// time. Where tables are made all the time it gives up after three readings. `read`: reads them all, and
/// before that sets the milliseconds of the database's clock; 0: it tells tables apart in another way.
/// `created`: the seconds of a table; 0 where none are needed.
template <typename Read, typename Created>
auto ReadSettled(const Read& read, const Created& created) {
  constexpr int kReadings = 3;
  for (int reading = 1;; ++reading) {
    std::int64_t clock_ms = 0, wait_ms = 0;
    auto tables = read(&clock_ms);
    if (!tables.ok() || reading == kReadings) return tables;
    for (const auto& table : *tables) wait_ms = std::max(wait_ms, SettlesIn(created(table), clock_ms));
    if (wait_ms == 0) return tables;
    std::this_thread::sleep_for(std::chrono::milliseconds(wait_ms));
  }
}

}  // namespace mirror

#endif  // MIRROR_CLIENT_SOURCE_SERVER_SETTLED_TABLES_H_
