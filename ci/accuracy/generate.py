"""Print the constants of src/cyrnn/kernels/coefficients.h: `python ci/accuracy/generate.py`. Needs mpmath.

The polynomials are minimax fits (Remez exchange on a grid, in 60 digits) whose coefficients are rounded to
the dtype one after the other, lowest power first, the later ones being fitted again after each rounding.
Weights turn the error of a polynomial into ULP of the function that uses it, so what is printed is its share
of the error that measure.py finds. Half a minute on one core.
"""

from mpmath import cos, expm1, floor, lu_solve, matrix, mp, mpf, nint, nstr, pi, tanh

mp.dps = 60
LN2 = mp.ln(2)
GRID = 1500

#: dtype -> bits after the point, coefficients of q, from where on tanh may be 1, bits of LN2_HI
DTYPES = {"float32": (23, 5, mpf("9.015"), 15), "float64": (52, 10, mpf("19.065"), 32)}


def rounded(value, mantissa):
    """The number with `mantissa` bits after the point that is nearest to value."""
    unit = mpf(2) ** (floor(mp.log(abs(value), 2)) - mantissa)
    return nint(value / unit) * unit


def horner(coefficients, r):
    """coefficients[0] + coefficients[1] r + ..."""
    total = mpf(0)
    for c in reversed(coefficients):
        total = total * r + c
    return total


def swap(chosen, worst, error):
    """Put the point `worst` into the ordered `chosen`, in place of one: the errors alternate in sign."""
    positive = error[worst] > 0
    at = sum(i < worst for i in chosen)
    if at and (error[chosen[at - 1]] > 0) == positive:
        chosen[at - 1] = worst
    elif at < len(chosen) and (error[chosen[at]] > 0) == positive:
        chosen[at] = worst
    elif at == 0:
        chosen.insert(0, worst)
        chosen.pop()
    else:
        chosen.append(worst)
        chosen.pop(0)


def remez(points, first, count):
    """Coefficients of r^first ... r^(first + count - 1) with the least max |weight * (wanted - polynomial)|.

    points : list of (r, wanted, weight), ascending in r, none of them 0.
    """
    points = [(r, wanted / r**first, weight * abs(r) ** first) for r, wanted, weight in points]
    middle, half = (points[-1][0] + points[0][0]) / 2, (points[-1][0] - points[0][0]) / 2
    nodes = [middle - half * cos(pi * (2 * k + 1) / (2 * count + 2)) for k in range(count + 1)]
    chosen = sorted({min(range(len(points)), key=lambda i, r=r: abs(points[i][0] - r)) for r in nodes})
    while True:
        system, right = matrix(count + 1, count + 1), matrix(count + 1, 1)
        for row, i in enumerate(chosen):
            r, wanted, weight = points[i]
            for j in range(count):
                system[row, j] = r**j
            system[row, count] = (-1) ** row / weight
            right[row] = wanted
        solved = lu_solve(system, right)
        fit = [solved[j] for j in range(count)]
        error = [weight * (wanted - horner(fit, r)) for r, wanted, weight in points]
        worst = max(range(len(points)), key=lambda i: abs(error[i]))
        if worst in chosen or abs(error[worst]) < abs(solved[count]) * mpf("1.001"):
            return fit
        swap(chosen, worst, error)


def fit_rounded(points, terms, mantissa):
    """Minimax coefficients as the dtype can hold them, lowest power first; and the largest error left."""
    coefficients = []
    for first in range(terms):
        c = rounded(remez(points, first, terms - first)[0], mantissa)
        coefficients.append(c)
        points = [(r, wanted - c * r**first, weight) for r, wanted, weight in points]
    return coefficients, max(abs(weight * wanted) for _, wanted, weight in points)


def exp_points(mantissa):
    """q in exp(r) = 1 + r + r^2 q(r), |r| <= ln2/2; weighted to ULP of exp, the smaller ones of exp < 1."""
    half = LN2 / 2 * (1 + mpf(2) ** -12)
    grid = [half * (2 * mpf(i) / GRID - 1) for i in range(GRID + 1)]
    return [(r, (expm1(r) - r) / r**2, r**2 / mp.exp(r) * 2**mantissa) for r in grid if r]


def tanh_points(mantissa, slope, saturated):
    """q in m = (1 - exp(-2r))/2 = r + r^2 q(r); weighted to ULP of the tanh that it serves.

    tanh_ takes r from n and a rounded ln2/2, and m makes up for that. Where several n lead to one r, the n in
    which an error of q does most harm has its way.
    """
    step = rounded(LN2 / 2, mantissa)
    points = {}
    for n in range(int(slope * saturated + mpf(1) / 2) + 1):
        start, stop = max(mpf(0), (n - mpf(1) / 2) / slope), min(saturated, (n + mpf(1) / 2) / slope)
        first, last = (int(floor((a - n * step) * 2 * GRID)) for a in (start, stop))
        for i in range(first + 1, last + 1):
            r = mpf(i) / (2 * GRID)
            a = r + n * step
            if r == 0 or a <= 0:
                continue
            e = -expm1(-2 * a) / 2
            ulp = mpf(2) ** (floor(mp.log(tanh(a), 2)) - mantissa)
            weight = mpf(2) ** -n * r**2 / (1 - e) ** 2 / ulp
            if i not in points or weight > points[i][2]:
                m = (e - (1 - mpf(2) ** -n) / 2) * mpf(2) ** n
                points[i] = r, (m - r) / r**2, weight
    return [points[i] for i in sorted(points)]


def show(name, coefficients, error):
    print(f"{name}, which adds at most {nstr(error, 3)} ULP:")
    for c in reversed(coefficients):
        print(f"    {float(c).hex()},")


def main():
    for dtype, (mantissa, terms, saturated, bits) in DTYPES.items():
        print(f"---- {dtype}")
        high = floor(LN2 * 2**bits) / mpf(2) ** bits
        low = rounded(LN2 - high, mantissa)
        print(f"LN2_HI {float(high).hex()}\nLN2_LO {float(low).hex()}, off by {nstr(LN2 - high - low, 3)}")
        show("EXP_Q", *fit_rounded(exp_points(mantissa), terms, mantissa))
        # From n = mantissa + 2 on, (1 - 2^-n)/2 rounds to 1/2, and tanh_ gives 1 or the number below. Let it
        # begin where 1 errs by 0.9 ULP: 1 - tanh(a) is 2 exp(-2a) there, and an ULP is 2^-(mantissa + 1).
        begin = (mantissa + 2) * LN2 / 2 - mp.log(mpf("0.9")) / 2
        slope = rounded((mantissa + mpf("1.5")) / begin, mantissa)
        print(f"TANH_SLOPE {float(slope).hex()}")
        show("TANH_Q", *fit_rounded(tanh_points(mantissa, slope, saturated), terms, mantissa))


if __name__ == "__main__":
    main()
