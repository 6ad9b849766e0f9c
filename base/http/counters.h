#ifndef MIRROR_BASE_HTTP_COUNTERS_H_
#define MIRROR_BASE_HTTP_COUNTERS_H_

#include <array>
#include <atomic>
#include <chrono>
#include <cstddef>
#include <cstdint>

// Counters that are updated during work. They are atomics of our own, because the library's histogram locks a
// mutex for each observation. The library is used only when a page is made (MetricPage).

namespace mirror {

/// A number that never decreases. Threads: any.
class Counter {
 public:
  void Add(std::uint64_t number = 1) { value_.fetch_add(number, std::memory_order_relaxed); }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

/// A histogram of durations. Adding a duration costs two atomic additions. Threads: any.
class Timings {
 public:
  /// Upper bounds of the buckets, in seconds: from 0.1 ms (a commit in memory) to 300 s (the last swap of a
  /// population).
  static constexpr std::array<double, 16> kBounds = {
      0.0001, 0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 5, 30, 300};

  void Note(std::chrono::nanoseconds took) {
    const double seconds = std::chrono::duration<double>(took).count();
    std::size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    buckets_[bucket].Add();
    nanoseconds_.Add(took.count() > 0 ? static_cast<std::uint64_t>(took.count()) : 0);
  }

  /// Returns the number of durations in one bucket, without those of lower buckets. The last bucket has the
  /// durations above all bounds.
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  double seconds() const { return static_cast<double>(nanoseconds_.value()) / 1e9; }

 private:
  std::array<Counter, kBounds.size() + 1> buckets_;
  Counter nanoseconds_;
};

}  // namespace mirror

#endif  // MIRROR_BASE_HTTP_COUNTERS_H_
