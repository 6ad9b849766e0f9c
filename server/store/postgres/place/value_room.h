#ifndef MIRROR_SERVER_STORE_POSTGRES_PLACE_VALUE_ROOM_H_
#define MIRROR_SERVER_STORE_POSTGRES_PLACE_VALUE_ROOM_H_

#include <cstddef>
#include <cstdint>
#include <utility>

#include "base/mutex.h"

namespace mirror {

/// How many bytes the large values have together that one server writes into a place at a time. A process of
/// PostgreSQL holds a value several times over while it writes it, so without a bound each connection for
/// writing would do that at once. A value that is larger than the room is written alone. Who came first is
/// first: a large one does not wait for ever behind small ones.
/// Threads: any.
class ValueRoom {
 public:
  explicit ValueRoom(std::uint64_t bytes_max) : bytes_max_(bytes_max) {}
  ValueRoom(const ValueRoom&) = delete;
  ValueRoom& operator=(const ValueRoom&) = delete;

  /// Given back when it goes. The room outlives it.
  class Share {
   public:
    Share() = default;
    Share(Share&& other) noexcept
        : room_(std::exchange(other.room_, nullptr)), bytes_(std::exchange(other.bytes_, 0)) {}
    Share& operator=(Share&&) = delete;
    ~Share();

   private:
    friend class ValueRoom;
    Share(ValueRoom& room, std::uint64_t bytes) : room_(&room), bytes_(bytes) {}

    ValueRoom* room_ = nullptr;  ///< Null: it has nothing.
    std::uint64_t bytes_ = 0;
  };

  /// Waits until there is room. 0 bytes wait for nothing. Who waits holds neither a connection nor a lock of
  /// a database: those who have room would wait for it.
  Share Take(std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);

  std::size_t waiting() MIRROR_EXCLUDES(mutex_);

 private:
  const std::uint64_t bytes_max_;
  Mutex mutex_;
  CondVar changed_;
  std::uint64_t bytes_ MIRROR_GUARDED_BY(mutex_) = 0;
  /// Numbers of those who came: the next one's, and whose turn it is.
  std::uint64_t next_ MIRROR_GUARDED_BY(mutex_) = 0, turn_ MIRROR_GUARDED_BY(mutex_) = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_POSTGRES_PLACE_VALUE_ROOM_H_
