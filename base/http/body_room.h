#ifndef MIRROR_BASE_HTTP_BODY_ROOM_H_
#define MIRROR_BASE_HTTP_BODY_ROOM_H_

#include <cstdint>
#include <map>
#include <string>
#include <string_view>

#include "base/mutex.h"

namespace mirror {

/// Memory for bodies that are not whole yet, or wait for their turn: of all connections together, and half of
/// it for one asker. Threads: any.
class HttpBodyRoom {
 public:
  explicit HttpBodyRoom(std::uint64_t bytes) : most_(bytes), most_of_one_(bytes / 2) {}

  /// Whether Take() would do it now.
  bool Has(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);
  /// False: there is no room for all of them, and none was taken.
  bool Take(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);
  void GiveBack(const std::string& asker, std::uint64_t bytes) MIRROR_EXCLUDES(mutex_);

 private:
  bool HasRoom(const std::string& asker, std::uint64_t bytes) MIRROR_REQUIRES(mutex_);

  const std::uint64_t most_, most_of_one_;
  Mutex mutex_;
  std::uint64_t taken_ MIRROR_GUARDED_BY(mutex_) = 0;
  std::map<std::string, std::uint64_t> taken_by_ MIRROR_GUARDED_BY(mutex_);
};

/// The body of a request, with its room. Threads: one at a time.
class HttpKeptBody {
 public:
  explicit HttpKeptBody(HttpBodyRoom& room) : room_(room) {}
  ~HttpKeptBody() { Take(); }
  HttpKeptBody(const HttpKeptBody&) = delete;
  HttpKeptBody& operator=(const HttpKeptBody&) = delete;

  /// False: there is no room for it. All pieces of a body are of one asker.
  bool Append(const std::string& asker, std::string_view piece);
  /// The body, whose room is given back.
  std::string Take();

 private:
  HttpBodyRoom& room_;
  std::string asker_, body_;
  std::uint64_t bytes_ = 0;  ///< That it has room for.
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_BODY_ROOM_H_
