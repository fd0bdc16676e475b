// A few neighbouring tokens as one number: a loss at a token, written once, runs on whole vector registers.
//
// Eigen's array expressions do not vectorise a choice between two numbers; its packets do.
#pragma once

#include <concepts>

#include <recllm/core/eigen.hpp>

namespace recllm {

namespace detail {

template <std::floating_point S, bool wide>
struct packet_of {
  using type = typename Eigen::internal::packet_traits<S>::type;
};
template <std::floating_point S>
struct packet_of<S, false> {
  using type = S;
};

}  // namespace detail

/// As many numbers S as a register holds, or one of them (`wide` = false). Arithmetic is elementwise;
/// comparisons give masks for select(), keep_if() and drop_if(). NaN compares false and is never hidden.
template <std::floating_point S, bool wide>
struct lanes {
  using scalar = S;
  using Packet = typename detail::packet_of<S, wide>::type;
  static constexpr Eigen::Index size = wide ? Eigen::Index(Eigen::internal::packet_traits<S>::size) : 1;

  Packet packet;

  lanes() : packet(Eigen::internal::pset1<Packet>(scalar(0))) {}
  lanes(double everywhere) : packet(Eigen::internal::pset1<Packet>(static_cast<scalar>(everywhere))) {}
  /// Wraps a register; `struct of` keeps it apart from a number where Packet is one.
  struct of {
    Packet packet;
  };
  lanes(of wrapped) : packet(wrapped.packet) {}
  [[nodiscard]] static lanes load(const scalar* from) { return of{Eigen::internal::ploadu<Packet>(from)}; }
  void store(scalar* to) const { Eigen::internal::pstoreu(to, packet); }
  [[nodiscard]] double sum() const { return static_cast<double>(Eigen::internal::predux(packet)); }

  friend lanes operator+(lanes a, lanes b) { return of{Eigen::internal::padd(a.packet, b.packet)}; }
  friend lanes operator-(lanes a, lanes b) { return of{Eigen::internal::psub(a.packet, b.packet)}; }
  friend lanes operator*(lanes a, lanes b) { return of{Eigen::internal::pmul(a.packet, b.packet)}; }
  friend lanes operator/(lanes a, lanes b) { return of{Eigen::internal::pdiv(a.packet, b.packet)}; }
  friend lanes operator-(lanes a) { return of{Eigen::internal::pnegate(a.packet)}; }
  lanes& operator+=(lanes b) { return *this = *this + b; }

  /// What comparisons give.
  struct mask {
    Packet packet;
    friend mask operator&(mask a, mask b) { return {Eigen::internal::pand(a.packet, b.packet)}; }
    friend mask operator|(mask a, mask b) { return {Eigen::internal::por(a.packet, b.packet)}; }
  };
  friend mask operator<(lanes a, lanes b) { return {Eigen::internal::pcmp_lt(a.packet, b.packet)}; }
  friend mask operator>(lanes a, lanes b) { return b < a; }
  friend mask operator==(lanes a, lanes b) { return {Eigen::internal::pcmp_eq(a.packet, b.packet)}; }

  /// x where the mask holds, else y.
  friend lanes select(mask m, lanes x, lanes y) {
    return of{Eigen::internal::pselect(m.packet, x.packet, y.packet)};
  }
  /// x where the mask holds, else 0, whatever x is.
  friend lanes keep_if(mask m, lanes x) { return of{Eigen::internal::pand(m.packet, x.packet)}; }
  /// 0 where the mask holds, else x.
  friend lanes drop_if(mask m, lanes x) { return of{Eigen::internal::pandnot(x.packet, m.packet)}; }
  /// x clamped to [low, high]; NaN stays.
  friend lanes limit(lanes x, lanes low, lanes high) {
    return select(x > high, high, select(x < low, low, x));
  }
  /// NaN in a stays.
  friend lanes min(lanes a, lanes b) { return of{Eigen::internal::pmin(a.packet, b.packet)}; }
  friend lanes max(lanes a, lanes b) { return of{Eigen::internal::pmax(a.packet, b.packet)}; }
  friend lanes abs(lanes a) { return of{Eigen::internal::pabs(a.packet)}; }
};

namespace detail {

/// f.template operator()<X>(t) for the tokens t, t + 1, ..., t + X::size - 1, until all `count` are done.
template <std::floating_point S, class Function>
[[gnu::always_inline]] inline void for_each_lanes(Eigen::Index count, Function&& f) {
  using register_wide = lanes<S, true>;
  Eigen::Index t = 0;
  for (; t + register_wide::size <= count; t += register_wide::size) f.template operator()<register_wide>(t);
  for (; t < count; ++t) f.template operator()<lanes<S, false>>(t);
}

}  // namespace detail

}  // namespace recllm
