#ifndef MIRROR_SERVER_STORE_CLOSED_PLACES_H_
#define MIRROR_SERVER_STORE_CLOSED_PLACES_H_

#include <functional>
#include <string>
#include <vector>

namespace mirror {

/// Databases of mirrors that did not answer at the start, and are not served from until they were looked at.
/// Threads: any.
class ClosedPlaces {
 public:
  virtual ~ClosedPlaces() = default;

  struct Told {
    std::string place;
    bool is_open = false;
    std::string words = {};  ///< For people.
  };
  using Tell = std::function<void(const Told&)>;
  /// Tells of each that is closed, and tries them from now on, in a thread of its own: tells when one opens,
  /// and what is wrong with one that answers. What `tell` refers to outlives Stop().
  virtual void Start(Tell tell) = 0;
  /// Waits for what is being tried. Once more is harmless.
  virtual void Stop() = 0;
  /// The names of those that are closed now, as the configuration lists them.
  virtual std::vector<std::string> FindClosed() const = 0;
};

}  // namespace mirror

#endif  // MIRROR_SERVER_STORE_CLOSED_PLACES_H_
