#ifndef MIRROR_BASE_HTTP_BODY_ROOM_H_
#define MIRROR_BASE_HTTP_BODY_ROOM_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace mirror {

/// Limits the memory for bodies of requests that are incomplete or wait for a turn. All connections share the
/// limit; one asker may use half of it. Threads: any.
class HttpBodyRoom {
 public:
  explicit HttpBodyRoom(std::uint64_t bytes) : most_(bytes), most_of_one_(bytes / 2) {}

  /// Returns true if Take() of this many bytes would succeed now.
  bool Has(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);
  /// Reserves bytes. False: there is no room for all of them, and none was reserved.
  bool Take(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);
  void GiveBack(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);

 private:
  bool HasRoom(const std::string& asker, std::uint64_t bytes) MIRROR_REQUIRES(mutex_);

  const std::uint64_t most_, most_of_one_;
  Mutex mutex_;
  std::uint64_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> taken_by_ MIRROR_GUARDED_BY(mutex_);
};

/// The body of a request, with its reserved memory. Threads: one at a time.
class HttpKeptBody {
 public:
  explicit HttpKeptBody(HttpBodyRoom& room) : room_(room) {}
  ~HttpKeptBody() { Take(); }
  HttpKeptBody(const HttpKeptBody&) = delete;
  HttpKeptBody& operator=(const HttpKeptBody&) = delete;

  /// Appends a piece and reserves its memory. False: there is not enough memory. All pieces of a body must
  /// have the same asker.
  bool Append(const std::string& asker, std::string_view piece);
  /// Returns the body and releases its memory.
  std::string Take();

 private:
  HttpBodyRoom& room_;
  std::string asker_, body_;
  std::uint64_t bytes_ = 0;  ///< Number of reserved bytes.
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_BODY_ROOM_H_
