#ifndef MIRROR_SERVER_RPC_ADMIN_LOOK_RATE_H_
#define MIRROR_SERVER_RPC_ADMIN_LOOK_RATE_H_

#include <cstdint>
#include <map>
#include <string>
#include <vector>

namespace mirror {

/// How many looks and refusals are written down one by one: so many of one certificate's name in a window,
/// and so many of all; the others are counted. A value; threads: one.
class LookRate {
 public:
  struct Options {
    std::int64_t window_ms = 600'000;
    std::uint64_t of_one_max = 60;
    std::uint64_t of_all_max = 600;
    std::size_t names_max = 100;  ///< Those beyond share a count.
  };
  struct LeftOut {
    std::string who;  ///< Empty: of those beyond `names_max`.
    std::uint64_t looks = 0;
  };

  LookRate() : LookRate(Options()) {}
  explicit LookRate(const Options& options) : options_(options) {}

  /// Whether this one is written down.
  bool Take(const std::string& who, std::int64_t now_ms);
  /// What a window that has ended left out; each is given once.
  std::vector<LeftOut> TakeLeftOut(std::int64_t now_ms);

 private:
  struct Count {
    std::uint64_t taken = 0, left_out = 0;
  };
  void CloseWindow(std::int64_t now_ms);

  const Options options_;
  std::int64_t began_ms_ = 0;
  std::uint64_t taken_ = 0;
  std::map<std::string, Count> counts_;
  std::vector<LeftOut> left_out_;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_RPC_ADMIN_LOOK_RATE_H_
